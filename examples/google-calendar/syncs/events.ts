import { createSync } from 'causeway';
import type { NangoSync, ProxyError } from 'causeway';
import * as z from 'zod';

import { Calendar, Event, calendarPath, toEvent } from '../events.js';
import type { GoogleEvent } from '../events.js';

/** https://developers.google.com/workspace/calendar/api/v3/reference/events/list */
interface Page {
    items: GoogleEvent[];
    nextPageToken?: string;
    /** On the last page only. */
    nextSyncToken?: string;
}

/** Reads all pages: everything, or what has changed since a token. The result is the token for the next time. */
async function read(nango: NangoSync, endpoint: string, syncToken: string | undefined): Promise<string | undefined> {
    let pageToken: string | undefined;
    do {
        const { data } = await nango.get<Page>({
            endpoint,
            params: { maxResults: 2500, ...(syncToken && { syncToken }), ...(pageToken && { pageToken }) },
            retries: 5
        });
        await nango.batchSave(data.items.filter((event) => event.status !== 'cancelled').map(toEvent), 'Event');
        await nango.batchDelete(
            data.items.filter((event) => event.status === 'cancelled').map(({ id }) => ({ id })),
            'Event'
        );
        if (data.nextSyncToken) {
            return data.nextSyncToken;
        }
        pageToken = data.nextPageToken;
    } while (pageToken);
    return undefined;
}

export default createSync({
    description: 'Copies the events of a calendar, recurring ones once with their exceptions',
    frequency: 'every 5 minutes',
    autoStart: true,
    scopes: ['https://www.googleapis.com/auth/calendar.events.readonly'],
    metadata: Calendar,
    checkpoint: z.object({ sync_token: z.string() }),
    models: { Event },

    exec: async (nango) => {
        const { calendar_id } = Calendar.parse((await nango.getMetadata()) ?? {});
        const endpoint = calendarPath(calendar_id);
        let token = (await nango.getCheckpoint())?.sync_token;
        if (token) {
            try {
                token = await read(nango, endpoint, token);
            } catch (err) {
                // Tokens grow old; then Google asks for a new start. https://developers.google.com/workspace/calendar/api/guides/sync
                if ((err as ProxyError).response?.status !== 410) {
                    throw err;
                }
                token = undefined;
                await nango.clearCheckpoint();
            }
        }
        if (!token) {
            // Everything is read, so what isn't among it is gone.
            await nango.trackDeletesStart('Event');
            token = await read(nango, endpoint, undefined);
            await nango.trackDeletesEnd('Event');
        }
        if (token) {
            await nango.saveCheckpoint({ sync_token: token });
        }
    }
});
