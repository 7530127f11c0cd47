import { createAction } from 'nango';
import * as z from 'zod';

import { Issue, Repository, toIssue } from '../models.js';
import type { GitHubIssue } from '../models.js';

const Changes = z.object({
    number: z.number().int().positive(),
    title: z.string().min(1).optional(),
    body: z.string().optional(),
    state: z.enum(['open', 'closed']).optional(),
    state_reason: z.enum(['completed', 'not_planned', 'reopened']).optional().describe('why the state changes'),
    labels: z.array(z.string()).optional().describe('replaces all labels')
});

export default createAction({
    description: 'Changes, closes or reopens an issue in the repository of the connection',
    version: '1.0.0',
    scopes: ['repo'],
    metadata: Repository,
    input: Changes,
    output: Issue,

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: Changes, input });
        const { number, ...changes } = data;
        if (Object.keys(changes).length === 0) {
            throw new nango.ActionError({ code: 'nothing_to_change', message: 'Besides the number, at least one field is needed' });
        }
        const repository = Repository.safeParse(await nango.getMetadata());
        if (!repository.success) {
            throw new nango.ActionError({ code: 'missing_repository', message: 'The metadata of the connection needs "owner" and "repo"' });
        }
        const { owner, repo } = repository.data;

        const { data: issue } = await nango.patch<GitHubIssue>({
            // https://docs.github.com/en/rest/issues/issues#update-an-issue
            endpoint: `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}/issues/${number}`,
            data: changes,
            retries: 3
        });
        return toIssue(issue);
    }
});
