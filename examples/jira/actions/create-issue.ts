import { createAction } from 'causeway';
import * as z from 'zod';

import { Metadata, restAPI, toDocument } from '../site.js';

const NewIssue = z.object({
    project: z.string().optional().describe('the key of a project, if not the connection\'s'),
    type: z.string().min(1).default('Task').describe('as it is called in the project'),
    summary: z.string().min(1).max(255),
    description: z.string().optional().describe('plain text; empty lines separate paragraphs'),
    labels: z.array(z.string().regex(/^\S+$/, 'no blanks')).optional()
});

export default createAction({
    description: 'Creates an issue',
    scopes: ['write:jira-work'],
    metadata: Metadata,
    input: NewIssue,
    output: z.object({ id: z.string(), key: z.string() }),

    exec: async (nango, input) => {
        const { data: issue } = await nango.zodValidateInput({ zodSchema: NewIssue, input });
        const project = issue.project ?? (await nango.getMetadata())?.project;
        if (!project) {
            throw new nango.ActionError({ code: 'missing_project', message: 'The input or the metadata of the connection needs "project"' });
        }
        const { data: created } = await nango.post<{ id: string; key: string }>({
            // https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post
            endpoint: `${await restAPI(nango)}/issue`,
            data: {
                fields: {
                    project: { key: project },
                    issuetype: { name: issue.type },
                    summary: issue.summary,
                    description: issue.description ? toDocument(issue.description) : undefined,
                    labels: issue.labels
                }
            }
        });
        return { id: created.id, key: created.key };
    }
});
