import { createSync } from 'nango';
import * as z from 'zod';

import { Issue, Repository, toIssue } from '../models.js';
import type { GitHubIssue } from '../models.js';

export default createSync({
    description: 'Copies the issues of a repository, without pull requests',
    version: '1.0.0',
    frequency: 'every 15 minutes',
    autoStart: true,
    syncType: 'incremental',
    scopes: ['repo'],
    metadata: Repository,
    checkpoint: z.object({ updated_at: z.string() }),
    models: { Issue },

    exec: async (nango) => {
        // The shape of metadata is not enforced when it is set.
        const repository = Repository.safeParse(await nango.getMetadata());
        if (!repository.success) {
            throw new Error('The metadata of the connection needs "owner" and "repo"');
        }
        const { owner, repo } = repository.data;

        // Oldest change first, so that each page is a place to go on from. GitHub's "since" includes the moment itself.
        const checkpoint = await nango.getCheckpoint();
        const pages = nango.paginate<GitHubIssue>({
            // https://docs.github.com/en/rest/issues/issues#list-repository-issues
            endpoint: `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}/issues`,
            params: {
                state: 'all',
                sort: 'updated',
                direction: 'asc',
                ...(checkpoint && { since: checkpoint.updated_at })
            },
            paginate: {
                type: 'link',
                link_rel_in_response_header: 'next',
                limit_name_in_request: 'per_page',
                limit: 100
            },
            retries: 5
        });

        for await (const page of pages) {
            // GitHub lists pull requests as issues.
            const issues = page.filter((issue) => !issue.pull_request).map(toIssue);
            await nango.batchSave(issues, 'Issue');

            const last = page.at(-1);
            if (last) {
                await nango.saveCheckpoint({ updated_at: last.updated_at });
            }
        }
    }
});
