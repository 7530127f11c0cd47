import * as z from 'zod';

// What both scripts of this integration share.

/** Metadata of a connection: the repository that it is about. */
export const Repository = z.object({
    owner: z.string().min(1),
    repo: z.string().min(1)
});

export const Issue = z.object({
    id: z.string(),
    number: z.number(),
    title: z.string(),
    body: z.string().nullable(),
    state: z.enum(['open', 'closed']),
    author: z.string().nullable(),
    labels: z.array(z.string()),
    url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    closed_at: z.string().nullable()
});

/** The fields that we use of an issue of GitHub's REST API. */
export interface GitHubIssue {
    id: number;
    number: number;
    title: string;
    body?: string | null;
    state: 'open' | 'closed';
    user: { login: string } | null;
    labels: (string | { name?: string | null })[];
    html_url: string;
    created_at: string;
    updated_at: string;
    closed_at: string | null;
    /** Only pull requests have it. */
    pull_request?: object;
}

export function toIssue(issue: GitHubIssue): z.infer<typeof Issue> {
    return {
        id: String(issue.id),
        number: issue.number,
        title: issue.title,
        body: issue.body ?? null,
        state: issue.state,
        author: issue.user?.login ?? null,
        labels: issue.labels.map((label) => (typeof label === 'string' ? label : (label.name ?? ''))).filter((name) => name !== ''),
        url: issue.html_url,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at
    };
}
