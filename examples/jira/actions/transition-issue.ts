import { createAction } from 'causeway';
import * as z from 'zod';

import { restAPI, toDocument } from '../site.js';

const Move = z.object({
    key: z.string().regex(/^[A-Z][A-Z0-9_]+-\d+$/).describe('as in ENG-12'),
    status: z.string().min(1).describe('the name of the status to reach'),
    comment: z.string().optional()
});

/** https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-transitions-get */
interface Transition {
    id: string;
    name: string;
    to: { name: string };
}

export default createAction({
    description: 'Moves an issue to another status, if its workflow has a way there',
    scopes: ['read:jira-work', 'write:jira-work'],
    input: Move,
    output: z.object({ key: z.string(), status: z.string() }),

    exec: async (nango, input) => {
        const { data: move } = await nango.zodValidateInput({ zodSchema: Move, input });
        const issue = `${await restAPI(nango)}/issue/${move.key}`;
        const { data } = await nango.get<{ transitions: Transition[] }>({ endpoint: `${issue}/transitions`, retries: 3 });
        const way = data.transitions.find((transition) => transition.to.name.toLowerCase() === move.status.toLowerCase());
        if (!way) {
            throw new nango.ActionError({
                code: 'no_transition',
                message: `The issue can't become "${move.status}" from where it is`,
                possible: data.transitions.map((transition) => transition.to.name)
            });
        }
        await nango.post({ endpoint: `${issue}/transitions`, data: { transition: { id: way.id } } });
        if (move.comment) {
            await nango.post({ endpoint: `${issue}/comment`, data: { body: toDocument(move.comment) } });
        }
        return { key: move.key, status: way.to.name };
    }
});
