import * as z from 'zod';

export const Ticket = z.object({
    id: z.string(),
    subject: z.string().nullable(),
    description: z.string().nullable(),
    status: z.string(),
    priority: z.string().nullable(),
    requester_id: z.string(),
    assignee_id: z.string().nullable(),
    tags: z.array(z.string()),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#json-format */
export interface ZendeskTicket {
    id: number;
    subject: string | null;
    description: string | null;
    status: 'new' | 'open' | 'pending' | 'hold' | 'solved' | 'closed' | 'deleted';
    priority: 'low' | 'normal' | 'high' | 'urgent' | null;
    requester_id: number;
    assignee_id: number | null;
    tags: string[];
    created_at: string;
    updated_at: string;
}

export function toTicket(ticket: ZendeskTicket): z.infer<typeof Ticket> {
    return {
        id: String(ticket.id),
        subject: ticket.subject,
        description: ticket.description,
        status: ticket.status,
        priority: ticket.priority,
        requester_id: String(ticket.requester_id),
        assignee_id: ticket.assignee_id === null ? null : String(ticket.assignee_id),
        tags: ticket.tags,
        created_at: ticket.created_at,
        updated_at: ticket.updated_at
    };
}
