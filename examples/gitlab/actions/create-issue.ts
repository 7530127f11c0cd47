import { createAction } from 'causeway';
import * as z from 'zod';

import { Project, projectPath } from '../models.js';

const NewIssue = z.object({
    title: z.string().min(1).max(255),
    description: z.string().optional().describe('Markdown'),
    labels: z.array(z.string()).optional(),
    due_date: z.iso.date().optional(),
    confidential: z.boolean().optional()
});

export default createAction({
    description: 'Opens an issue in the project of the connection',
    scopes: ['api'],
    metadata: Project,
    input: NewIssue,
    output: z.object({ id: z.string(), number: z.number(), state: z.string(), url: z.string() }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: NewIssue, input });
        const metadata = Project.safeParse(await nango.getMetadata());
        if (!metadata.success) {
            throw new nango.ActionError({ code: 'missing_project', message: 'The metadata of the connection needs "project"' });
        }
        const { labels, ...issue } = data;
        const { data: created } = await nango.post<{ id: number; iid: number; state: string; web_url: string }>({
            // https://docs.gitlab.com/api/issues/#create-an-issue
            endpoint: `${projectPath(metadata.data.project)}/issues`,
            data: { ...issue, ...(labels && { labels: labels.join(',') }) }
        });
        return { id: String(created.id), number: created.iid, state: created.state, url: created.web_url };
    }
});
