import { createSync } from 'causeway';
import * as z from 'zod';

import { graphql } from '../graphql.js';

const Issue = z.object({
    id: z.string(),
    identifier: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    priority: z.number(),
    state: z.string(),
    state_type: z.string(),
    team: z.string(),
    assignee: z.string().nullable(),
    labels: z.array(z.string()),
    url: z.string(),
    created_at: z.string(),
    updated_at: z.string()
});

interface LinearIssue {
    id: string;
    identifier: string;
    title: string;
    description: string | null;
    priority: number;
    state: { name: string; type: string };
    team: { key: string };
    assignee: { email: string } | null;
    labels: { nodes: { name: string }[] };
    url: string;
    createdAt: string;
    updatedAt: string;
    archivedAt: string | null;
}

interface Issues {
    issues: { nodes: LinearIssue[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
}

// A page of 50: a query's complexity is limited, and labels multiply it. https://linear.app/developers/rate-limiting
const query = `query ($after: String, $filter: IssueFilter) {
    issues(first: 50, after: $after, filter: $filter, orderBy: updatedAt, includeArchived: true) {
        nodes {
            id identifier title description priority url createdAt updatedAt archivedAt
            state { name type } team { key } assignee { email } labels { nodes { name } }
        }
        pageInfo { hasNextPage endCursor }
    }
}`;

function toIssue(issue: LinearIssue): z.infer<typeof Issue> {
    return {
        id: issue.id,
        identifier: issue.identifier,
        title: issue.title,
        description: issue.description,
        priority: issue.priority,
        state: issue.state.name,
        state_type: issue.state.type,
        team: issue.team.key,
        assignee: issue.assignee?.email ?? null,
        labels: issue.labels.nodes.map((label) => label.name),
        url: issue.url,
        created_at: issue.createdAt,
        updated_at: issue.updatedAt
    };
}

export default createSync({
    description: 'Copies issues; archived and deleted ones are deleted',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['read'],
    // since: changes from then on are read. While a run is under way: after, its cursor, and next, the coming since.
    checkpoint: z.object({ since: z.string(), after: z.string(), next: z.string() }),
    models: { Issue },

    exec: async (nango) => {
        let { since, after, next } = (await nango.getCheckpoint()) ?? { since: '', after: '', next: '' };
        let more = true;
        while (more) {
            const { issues } = await graphql<Issues>(nango, query, {
                after: after || null,
                filter: since ? { updatedAt: { gte: since } } : null
            });
            await nango.batchSave(issues.nodes.filter((issue) => !issue.archivedAt).map(toIssue), 'Issue');
            await nango.batchDelete(
                issues.nodes.filter((issue) => issue.archivedAt).map(({ id }) => ({ id })),
                'Issue'
            );
            // The newest change comes first: only the first page of a run knows where the next one begins.
            next = next || (issues.nodes[0]?.updatedAt ?? '');
            more = issues.pageInfo.hasNextPage;
            after = issues.pageInfo.endCursor ?? '';
            if (more) {
                await nango.saveCheckpoint({ since, after, next });
            }
        }
        await nango.saveCheckpoint({ since: next || since, after: '', next: '' });
    }
});
