import { createAction } from 'causeway';
import type { ProxyError } from 'causeway';
import * as z from 'zod';

import { Calendar, calendarPath } from '../events.js';

const Deletion = z.object({
    event_id: z.string().min(1),
    notify: z.boolean().default(true).describe('Google tells the attendees')
});

export default createAction({
    description: 'Deletes an event; one that is deleted already is fine',
    scopes: ['https://www.googleapis.com/auth/calendar.events'],
    metadata: Calendar,
    input: Deletion,
    output: z.object({ event_id: z.string(), deleted: z.boolean().describe('false: it was deleted before') }),

    exec: async (nango, input) => {
        const { data: deletion } = await nango.zodValidateInput({ zodSchema: Deletion, input });
        const { calendar_id } = Calendar.parse((await nango.getMetadata()) ?? {});
        try {
            await nango.delete({
                // https://developers.google.com/workspace/calendar/api/v3/reference/events/delete
                endpoint: `${calendarPath(calendar_id)}/${encodeURIComponent(deletion.event_id)}`,
                params: { sendUpdates: deletion.notify ? 'all' : 'none' },
                retries: 3
            });
            return { event_id: deletion.event_id, deleted: true };
        } catch (err) {
            if ((err as ProxyError).response?.status === 410) {
                return { event_id: deletion.event_id, deleted: false };
            }
            throw err;
        }
    }
});
