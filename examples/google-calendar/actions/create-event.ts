import { createAction } from 'causeway';
import * as z from 'zod';

import { Calendar, Event, calendarPath, toEvent } from '../events.js';
import type { GoogleEvent } from '../events.js';

const NewEvent = z.object({
    title: z.string().min(1),
    description: z.string().optional(),
    location: z.string().optional(),
    start: z.iso.datetime({ offset: true }),
    end: z.iso.datetime({ offset: true }),
    attendees: z.array(z.email()).max(200).optional(),
    invite: z.boolean().default(true).describe('Google sends invitations to the attendees')
});

export default createAction({
    description: 'Puts an event into the calendar of the connection',
    scopes: ['https://www.googleapis.com/auth/calendar.events'],
    metadata: Calendar,
    input: NewEvent,
    output: Event,

    exec: async (nango, input) => {
        const { data: event } = await nango.zodValidateInput({ zodSchema: NewEvent, input });
        if (Date.parse(event.end) <= Date.parse(event.start)) {
            throw new nango.ActionError({ code: 'ends_before_it_starts', message: 'The end has to be after the start' });
        }
        const { calendar_id } = Calendar.parse((await nango.getMetadata()) ?? {});
        const { data: created } = await nango.post<GoogleEvent>({
            // https://developers.google.com/workspace/calendar/api/v3/reference/events/insert
            endpoint: calendarPath(calendar_id),
            params: { sendUpdates: event.invite ? 'all' : 'none' },
            data: {
                summary: event.title,
                description: event.description,
                location: event.location,
                start: { dateTime: event.start },
                end: { dateTime: event.end },
                attendees: event.attendees?.map((email) => ({ email }))
            }
        });
        return toEvent(created);
    }
});
