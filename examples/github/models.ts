import * as z from 'zod';

/** An issue as it is kept. */
export const Issue = z.object({
    id: z.string(),
    repository: z.string(),
    number: z.number().int(),
    title: z.string(),
    body: z.string().nullable(),
    state: z.enum(['open', 'closed']),
    author: z.string().nullable(),
    assignees: z.array(z.string()),
    labels: z.array(z.string()),
    url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    closed_at: z.string().nullable()
});
export type Issue = z.infer<typeof Issue>;

/** What GitHub answers, as far as it is used: https://docs.github.com/en/rest/issues/issues */
export interface GitHubIssue {
    id: number;
    number: number;
    title: string;
    body: string | null;
    state: 'open' | 'closed';
    user: { login: string } | null;
    assignees?: { login: string }[] | null;
    labels: (string | { name?: string | null })[];
    html_url: string;
    created_at: string;
    updated_at: string;
    closed_at: string | null;
    pull_request?: object;
}

export function toIssue(repository: string, issue: GitHubIssue): Issue {
    return {
        id: String(issue.id),
        repository,
        number: issue.number,
        title: issue.title,
        body: issue.body,
        state: issue.state,
        author: issue.user?.login ?? null,
        assignees: (issue.assignees ?? []).map((user) => user.login),
        labels: issue.labels.map((label) => (typeof label === 'string' ? label : (label.name ?? ''))).filter((name) => name !== ''),
        url: issue.html_url,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at
    };
}
