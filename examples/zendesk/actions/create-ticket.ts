import { createAction } from 'causeway';
import * as z from 'zod';

import { Ticket, toTicket } from '../tickets.js';
import type { ZendeskTicket } from '../tickets.js';

const NewTicket = z.object({
    subject: z.string().min(1),
    body: z.string().min(1),
    requester: z.object({ email: z.email(), name: z.string().optional() }),
    priority: z.enum(['low', 'normal', 'high', 'urgent']).optional(),
    tags: z.array(z.string()).optional(),
    idempotency_key: z.string().max(255).optional().describe('the same key within two hours makes no second ticket')
});

export default createAction({
    description: 'Opens a ticket for somebody, who becomes a user if they are none yet',
    scopes: ['tickets:write'],
    input: NewTicket,
    output: Ticket,

    exec: async (nango, input) => {
        const { data: ticket } = await nango.zodValidateInput({ zodSchema: NewTicket, input });
        const { data: created } = await nango.post<{ ticket: ZendeskTicket }>({
            // https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket
            endpoint: '/api/v2/tickets.json',
            ...(ticket.idempotency_key && { headers: { 'Idempotency-Key': ticket.idempotency_key } }),
            data: {
                ticket: {
                    subject: ticket.subject,
                    comment: { body: ticket.body },
                    // Zendesk wants a name for somebody new.
                    requester: { email: ticket.requester.email, name: ticket.requester.name ?? ticket.requester.email },
                    priority: ticket.priority,
                    tags: ticket.tags
                }
            },
            retries: ticket.idempotency_key ? 3 : 0
        });
        return toTicket(created.ticket);
    }
});
