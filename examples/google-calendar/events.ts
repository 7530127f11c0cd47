import * as z from 'zod';

/** Metadata of a connection: the calendar that it is about; the user's own if it isn't set. */
export const Calendar = z.object({ calendar_id: z.string().default('primary') });

export const Event = z.object({
    id: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    location: z.string().nullable(),
    start: z.string().describe('a moment, or a date of an event that takes all day'),
    end: z.string(),
    all_day: z.boolean(),
    organizer: z.string().nullable(),
    attendees: z.array(z.object({ email: z.string(), answer: z.string() })),
    recurring_event_id: z.string().nullable(),
    url: z.string(),
    updated_at: z.string()
});

interface Moment {
    date?: string;
    dateTime?: string;
}

/** https://developers.google.com/workspace/calendar/api/v3/reference/events; of a cancelled event only its id is sure. */
export interface GoogleEvent {
    id: string;
    status: 'confirmed' | 'tentative' | 'cancelled';
    summary?: string;
    description?: string;
    location?: string;
    start: Moment;
    end: Moment;
    organizer?: { email?: string };
    attendees?: { email?: string; responseStatus: string }[];
    recurringEventId?: string;
    htmlLink: string;
    updated: string;
}

export function toEvent(event: GoogleEvent): z.infer<typeof Event> {
    return {
        id: event.id,
        title: event.summary ?? '',
        description: event.description ?? null,
        location: event.location ?? null,
        start: event.start.dateTime ?? event.start.date ?? '',
        end: event.end.dateTime ?? event.end.date ?? '',
        all_day: event.start.date !== undefined,
        organizer: event.organizer?.email ?? null,
        attendees: (event.attendees ?? []).map(({ email, responseStatus }) => ({ email: email ?? '', answer: responseStatus })),
        recurring_event_id: event.recurringEventId ?? null,
        url: event.htmlLink,
        updated_at: event.updated
    };
}

export function calendarPath(calendar: string): string {
    return `/calendar/v3/calendars/${encodeURIComponent(calendar)}/events`;
}
