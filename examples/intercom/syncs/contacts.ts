import { createSync } from 'causeway';
import * as z from 'zod';

import { headers } from '../version.js';

const Contact = z.object({
    id: z.string(),
    role: z.string(),
    external_id: z.string().nullable(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    phone: z.string().nullable(),
    unsubscribed: z.boolean(),
    last_seen_at: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developers.intercom.com/docs/references/2.11/rest-api/api.intercom.io/contacts/contact; times are in seconds. */
interface IntercomContact {
    id: string;
    role: string;
    external_id: string | null;
    email: string | null;
    name: string | null;
    phone: string | null;
    unsubscribed_from_emails: boolean;
    last_seen_at: number | null;
    created_at: number;
    updated_at: number;
}

const day = 24 * 60 * 60;
const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

function toContact(contact: IntercomContact): z.infer<typeof Contact> {
    return {
        id: contact.id,
        role: contact.role,
        external_id: contact.external_id,
        email: contact.email || null,
        name: contact.name,
        phone: contact.phone,
        unsubscribed: contact.unsubscribed_from_emails,
        last_seen_at: contact.last_seen_at ? iso(contact.last_seen_at) : null,
        created_at: iso(contact.created_at),
        updated_at: iso(contact.updated_at)
    };
}

export default createSync({
    description: 'Copies contacts that have changed; webhooks tell which ones were deleted',
    frequency: 'every hour',
    autoStart: true,
    checkpoint: z.object({ updated_at: z.number() }),
    models: { Contact },

    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        // The search compares whole days, so that a day is read again: what is as it was before doesn't count as changed.
        const since = checkpoint ? checkpoint.updated_at - day : 0;
        const pages = nango.paginate<IntercomContact>({
            // https://developers.intercom.com/docs/references/2.11/rest-api/api.intercom.io/contacts/searchcontacts
            method: 'POST',
            endpoint: '/contacts/search',
            headers,
            data: {
                query: { field: 'updated_at', operator: '>', value: since },
                sort: { field: 'updated_at', order: 'ascending' }
            },
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'pagination.starting_after',
                cursor_path_in_response: 'pages.next.starting_after',
                limit_name_in_request: 'pagination.per_page',
                limit: 150,
                response_path: 'data'
            },
            retries: 5
        });
        for await (const page of pages) {
            await nango.batchSave(page.map(toContact), 'Contact');
            const last = page.at(-1);
            if (last) {
                await nango.saveCheckpoint({ updated_at: last.updated_at });
            }
        }
    },

    webhookSubscriptions: ['contact.deleted'],
    onWebhook: async (nango, payload: { data: { item: { id: string } } }) => {
        await nango.batchDelete([{ id: payload.data.item.id }], 'Contact');
    }
});
