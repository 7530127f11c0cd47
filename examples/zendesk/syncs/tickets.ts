import { createSync } from 'causeway';
import * as z from 'zod';

import { Ticket, toTicket } from '../tickets.js';
import type { ZendeskTicket } from '../tickets.js';

/** https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-ticket-export-cursor-based */
interface Export {
    tickets: ZendeskTicket[];
    after_cursor: string | null;
    end_of_stream: boolean;
}

export default createSync({
    description: 'Follows the export of tickets, deleted ones included',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['tickets:read'],
    checkpoint: z.object({ cursor: z.string() }),
    models: { Ticket },

    exec: async (nango) => {
        let cursor = (await nango.getCheckpoint())?.cursor;
        let more = true;
        while (more) {
            const { data } = await nango.get<Export>({
                endpoint: '/api/v2/incremental/tickets/cursor.json',
                params: { per_page: 1000, ...(cursor ? { cursor } : { start_time: 0 }) },
                // The export takes ten calls a minute; Zendesk says how long to wait.
                retries: 10
            });
            await nango.batchSave(data.tickets.filter((ticket) => ticket.status !== 'deleted').map(toTicket), 'Ticket');
            await nango.batchDelete(
                data.tickets.filter((ticket) => ticket.status === 'deleted').map((ticket) => ({ id: String(ticket.id) })),
                'Ticket'
            );
            // There is a cursor at the end of the stream too: the next run goes on from it.
            cursor = data.after_cursor ?? cursor;
            if (cursor) {
                await nango.saveCheckpoint({ cursor });
            }
            more = !data.end_of_stream && data.after_cursor !== null;
        }
    }
});
