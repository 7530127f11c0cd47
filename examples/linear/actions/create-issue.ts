import { createAction } from 'causeway';
import * as z from 'zod';

import { graphql } from '../graphql.js';

const NewIssue = z.object({
    team_id: z.string().min(1),
    title: z.string().min(1),
    description: z.string().optional().describe('Markdown'),
    priority: z.number().int().min(0).max(4).optional().describe('0 none, 1 urgent, 2 high, 3 medium, 4 low'),
    assignee_id: z.string().optional()
});

export default createAction({
    description: 'Creates an issue in a team',
    scopes: ['issues:create'],
    input: NewIssue,
    output: z.object({ id: z.string(), identifier: z.string(), url: z.string() }),

    exec: async (nango, input) => {
        const { data: issue } = await nango.zodValidateInput({ zodSchema: NewIssue, input });
        const { issueCreate } = await graphql<{ issueCreate: { success: boolean; issue: { id: string; identifier: string; url: string } } }>(
            nango,
            'mutation ($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier url } } }',
            {
                input: {
                    teamId: issue.team_id,
                    title: issue.title,
                    description: issue.description,
                    priority: issue.priority,
                    assigneeId: issue.assignee_id
                }
            },
            0 // a second attempt after an answer that got lost would make a second issue
        );
        const { id, identifier, url } = issueCreate.issue;
        return { id, identifier, url };
    }
});
