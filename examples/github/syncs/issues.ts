import { createSync } from 'causeway';
import * as z from 'zod';
import { type GitHubIssue, Issue, toIssue } from '../models.js';

export default createSync({
    description: "Keeps the issues of the connection's repositories, oldest change first, so that a run goes on where the last one stopped",
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['repo'],
    metadata: z.object({ repositories: z.array(z.string()).describe('"owner/name" each') }),
    checkpoint: z.object({ repository: z.string(), since: z.string() }),
    models: { Issue },

    exec: async (nango) => {
        const { repositories = [] } = (await nango.getMetadata()) ?? {};
        const started = await nango.getCheckpoint();
        // A run that was interrupted left the repository that it was in; a finished one left ''.
        const from = Math.max(0, repositories.indexOf(started?.repository ?? ''));
        const lastRun = nango.lastSyncDate?.toISOString();

        for (const repository of repositories.slice(from)) {
            const since = started?.repository === repository ? started.since : lastRun;
            const pages = nango.paginate<GitHubIssue>({
                endpoint: `/repos/${repository}/issues`,
                // https://docs.github.com/en/rest/issues/issues#list-repository-issues
                params: { state: 'all', sort: 'updated', direction: 'asc', ...(since ? { since } : {}) },
                headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
                retries: 5,
                paginate: { type: 'link', link_rel_in_response_header: 'next', limit_name_in_request: 'per_page', limit: 100 }
            });
            for await (const page of pages) {
                // GitHub lists pull requests among the issues.
                const issues = page.filter((issue) => !issue.pull_request);
                await nango.batchSave(
                    issues.map((issue) => toIssue(repository, issue)),
                    'Issue'
                );
                const last = page.at(-1);
                if (last) {
                    await nango.saveCheckpoint({ repository, since: last.updated_at });
                }
            }
        }
        await nango.clearCheckpoint();
    }
});
