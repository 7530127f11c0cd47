import { createAction } from 'causeway';
import * as z from 'zod';

import { graphql } from '../graphql.js';

const Comment = z.object({
    issue: z.string().min(1).describe('an id, or an identifier as in ENG-12'),
    body: z.string().min(1).describe('Markdown')
});

export default createAction({
    description: 'Comments on an issue',
    scopes: ['comments:create'],
    input: Comment,
    output: z.object({ id: z.string(), url: z.string() }),

    exec: async (nango, input) => {
        const { data: comment } = await nango.zodValidateInput({ zodSchema: Comment, input });
        const { commentCreate } = await graphql<{ commentCreate: { success: boolean; comment: { id: string; url: string } } }>(
            nango,
            'mutation ($input: CommentCreateInput!) { commentCreate(input: $input) { success comment { id url } } }',
            { input: { issueId: comment.issue, body: comment.body } },
            0
        );
        const { id, url } = commentCreate.comment;
        return { id, url };
    }
});
