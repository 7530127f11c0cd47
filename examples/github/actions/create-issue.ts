import { createAction } from 'causeway';
import * as z from 'zod';
import { type GitHubIssue, Issue, toIssue } from '../models.js';

export default createAction({
    description: 'Opens an issue in a repository',
    scopes: ['repo'],
    input: z.object({
        repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'write owner/name'),
        title: z.string().min(1),
        body: z.string().optional(),
        labels: z.array(z.string()).optional(),
        assignees: z.array(z.string()).optional()
    }),
    output: Issue,

    exec: async (nango, input) => {
        const { data: valid } = await nango.zodValidateInput({ zodSchema: z.object({ repository: z.string(), title: z.string().min(1) }), input });
        // https://docs.github.com/en/rest/issues/issues#create-an-issue
        const { data } = await nango.post<GitHubIssue>({
            endpoint: `/repos/${valid.repository}/issues`,
            headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
            data: { title: valid.title, body: input.body, labels: input.labels, assignees: input.assignees }
        });
        return toIssue(valid.repository, data);
    }
});
