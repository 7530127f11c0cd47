import { createAction } from 'causeway';
import * as z from 'zod';

import { Ticket, toTicket } from '../tickets.js';
import type { ZendeskTicket } from '../tickets.js';

const Reply = z.object({
    ticket_id: z.string().regex(/^\d+$/),
    body: z.string().min(1),
    public: z.boolean().default(true).describe('false: an internal note'),
    status: z.enum(['open', 'pending', 'hold', 'solved']).optional()
});

export default createAction({
    description: 'Answers a ticket, or adds an internal note, and may change its status',
    scopes: ['tickets:write'],
    input: Reply,
    output: Ticket,

    exec: async (nango, input) => {
        const { data: reply } = await nango.zodValidateInput({ zodSchema: Reply, input });
        const { data } = await nango.put<{ ticket: ZendeskTicket }>({
            // https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket
            endpoint: `/api/v2/tickets/${reply.ticket_id}.json`,
            data: { ticket: { comment: { body: reply.body, public: reply.public }, status: reply.status } }
        });
        return toTicket(data.ticket);
    }
});
