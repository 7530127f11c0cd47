import { createAction } from 'causeway';
import * as z from 'zod';

import { Project, projectPath } from '../models.js';

const Comment = z.object({
    number: z.number().int().positive().describe('of the merge request, as in !12'),
    body: z.string().min(1).max(1_000_000).describe('Markdown')
});

export default createAction({
    description: 'Comments on a merge request',
    scopes: ['api'],
    metadata: Project,
    input: Comment,
    output: z.object({ id: z.string(), author: z.string(), created_at: z.string() }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: Comment, input });
        const metadata = Project.safeParse(await nango.getMetadata());
        if (!metadata.success) {
            throw new nango.ActionError({ code: 'missing_project', message: 'The metadata of the connection needs "project"' });
        }
        const { data: note } = await nango.post<{ id: number; author: { username: string }; created_at: string }>({
            // https://docs.gitlab.com/api/notes/#create-new-merge-request-note
            endpoint: `${projectPath(metadata.data.project)}/merge_requests/${data.number}/notes`,
            data: { body: data.body }
        });
        return { id: String(note.id), author: note.author.username, created_at: note.created_at };
    }
});
