import { createAction } from 'nango';
import * as z from 'zod';

import { Issue, Repository, toIssue } from '../models.js';
import type { GitHubIssue } from '../models.js';

const NewIssue = z.object({
    title: z.string().min(1),
    body: z.string().optional(),
    labels: z.array(z.string()).optional()
});

export default createAction({
    description: 'Opens an issue in the repository of the connection',
    version: '1.0.0',
    scopes: ['repo'],
    metadata: Repository,
    input: NewIssue,
    output: Issue,

    exec: async (nango, input) => {
        const { data: issue } = await nango.zodValidateInput({ zodSchema: NewIssue, input });
        const repository = Repository.safeParse(await nango.getMetadata());
        if (!repository.success) {
            throw new nango.ActionError({ code: 'missing_repository', message: 'The metadata of the connection needs "owner" and "repo"' });
        }
        const { owner, repo } = repository.data;

        // No retries: a second attempt after an answer that got lost would open a second issue.
        const { data: created } = await nango.post<GitHubIssue>({
            // https://docs.github.com/en/rest/issues/issues#create-an-issue
            endpoint: `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}/issues`,
            data: issue
        });
        return toIssue(created);
    }
});
