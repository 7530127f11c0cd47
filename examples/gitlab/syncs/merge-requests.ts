import { createSync } from 'causeway';
import * as z from 'zod';

import { Project, projectPath } from '../models.js';

const MergeRequest = z.object({
    id: z.string(),
    number: z.number(),
    title: z.string(),
    state: z.enum(['opened', 'closed', 'locked', 'merged']),
    draft: z.boolean(),
    author: z.string().nullable(),
    reviewers: z.array(z.string()),
    source_branch: z.string(),
    target_branch: z.string(),
    labels: z.array(z.string()),
    url: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    merged_at: z.string().nullable()
});

/** https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests */
interface GitLabMergeRequest {
    id: number;
    iid: number;
    title: string;
    state: 'opened' | 'closed' | 'locked' | 'merged';
    draft: boolean;
    author: { username: string } | null;
    reviewers: { username: string }[] | null;
    source_branch: string;
    target_branch: string;
    labels: string[];
    web_url: string;
    created_at: string;
    updated_at: string;
    merged_at: string | null;
}

function toMergeRequest(mr: GitLabMergeRequest): z.infer<typeof MergeRequest> {
    return {
        id: String(mr.id),
        number: mr.iid,
        title: mr.title,
        state: mr.state,
        draft: mr.draft,
        author: mr.author?.username ?? null,
        reviewers: (mr.reviewers ?? []).map((reviewer) => reviewer.username),
        source_branch: mr.source_branch,
        target_branch: mr.target_branch,
        labels: mr.labels,
        url: mr.web_url,
        created_at: mr.created_at,
        updated_at: mr.updated_at,
        merged_at: mr.merged_at
    };
}

export default createSync({
    description: 'Copies the merge requests of a project',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['read_api'],
    metadata: Project,
    checkpoint: z.object({ updated_at: z.string() }),
    models: { MergeRequest },

    exec: async (nango) => {
        const metadata = Project.safeParse(await nango.getMetadata());
        if (!metadata.success) {
            throw new Error('The metadata of the connection needs "project"');
        }
        const checkpoint = await nango.getCheckpoint();

        // Pages are counted, not pinned. With the newest change first, what changes meanwhile pushes the rest back, so that it may come twice;
        // with the oldest first it would pull it forward, and a merge request at the border of two pages would be missed.
        const pages = nango.paginate<GitLabMergeRequest>({
            endpoint: `${projectPath(metadata.data.project)}/merge_requests`,
            params: {
                state: 'all',
                order_by: 'updated_at',
                sort: 'desc',
                ...(checkpoint && { updated_after: checkpoint.updated_at })
            },
            paginate: {
                type: 'offset',
                offset_name_in_request: 'page',
                offset_start_value: 1,
                offset_calculation_method: 'per-page',
                limit_name_in_request: 'per_page',
                limit: 100
            },
            retries: 5
        });

        let newest: string | undefined;
        for await (const page of pages) {
            await nango.batchSave(page.map(toMergeRequest), 'MergeRequest');
            newest ??= page[0]?.updated_at;
        }
        // The first is the newest, and counts only when everything older has been read.
        if (newest) {
            await nango.saveCheckpoint({ updated_at: newest });
        }
    }
});
