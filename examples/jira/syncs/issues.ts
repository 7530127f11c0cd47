import { createSync } from 'causeway';
import * as z from 'zod';

import { Metadata, restAPI } from '../site.js';

const Issue = z.object({
    id: z.string(),
    key: z.string(),
    summary: z.string(),
    type: z.string(),
    status: z.string(),
    status_category: z.string(),
    priority: z.string().nullable(),
    assignee: z.string().nullable(),
    reporter: z.string().nullable(),
    labels: z.array(z.string()),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-get */
interface JiraIssue {
    id: string;
    key: string;
    fields: {
        summary: string;
        issuetype: { name: string };
        status: { name: string; statusCategory: { key: string } };
        priority: { name: string } | null;
        assignee: { displayName: string } | null;
        reporter: { displayName: string } | null;
        labels: string[];
        created: string;
        updated: string;
    };
}

const fields = 'summary,issuetype,status,priority,assignee,reporter,labels,created,updated';

/** Jira writes 2026-01-02T03:04:05.000+0100. */
const iso = (moment: string) => new Date(moment.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')).toISOString();

function toIssue({ id, key, fields: f }: JiraIssue): z.infer<typeof Issue> {
    return {
        id,
        key,
        summary: f.summary,
        type: f.issuetype.name,
        status: f.status.name,
        status_category: f.status.statusCategory.key,
        priority: f.priority?.name ?? null,
        assignee: f.assignee?.displayName ?? null,
        reporter: f.reporter?.displayName ?? null,
        labels: f.labels,
        created_at: iso(f.created),
        updated_at: iso(f.updated)
    };
}

export default createSync({
    description: 'Copies the issues of a project',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['read:jira-work', 'offline_access'],
    metadata: Metadata,
    checkpoint: z.object({ updated_at: z.string() }),
    models: { Issue },

    exec: async (nango) => {
        const metadata = Metadata.safeParse(await nango.getMetadata());
        if (!metadata.success) {
            throw new Error('The metadata of the connection needs "project", the key of a project');
        }
        const checkpoint = await nango.getCheckpoint();

        // A date in JQL is of the user's own time zone, in minutes. So many minutes ago is the same everywhere.
        let since = '';
        if (checkpoint) {
            const minutes = Math.ceil((Date.now() - Date.parse(checkpoint.updated_at)) / 60_000) + 1;
            since = ` AND updated >= "-${minutes}m"`;
        }
        const pages = nango.paginate<JiraIssue>({
            endpoint: `${await restAPI(nango)}/search/jql`,
            params: { jql: `project = "${metadata.data.project}"${since} ORDER BY updated ASC`, fields },
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'nextPageToken',
                cursor_path_in_response: 'nextPageToken',
                limit_name_in_request: 'maxResults',
                limit: 100,
                response_path: 'issues'
            },
            retries: 5
        });
        for await (const page of pages) {
            const issues = page.map(toIssue);
            await nango.batchSave(issues, 'Issue');
            const last = issues.at(-1);
            if (last) {
                await nango.saveCheckpoint({ updated_at: last.updated_at });
            }
        }
    }
});
