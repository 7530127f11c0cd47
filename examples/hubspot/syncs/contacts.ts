import { createSync } from 'causeway';
import * as z from 'zod';

const Contact = z.object({
    id: z.string(),
    email: z.string().nullable(),
    first_name: z.string().nullable(),
    last_name: z.string().nullable(),
    phone: z.string().nullable(),
    company: z.string().nullable(),
    job_title: z.string().nullable(),
    lifecycle_stage: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts */
interface HubSpotContact {
    id: string;
    properties: Record<string, string | null | undefined>;
    createdAt: string;
    updatedAt: string;
    archived: boolean;
}

const properties = ['email', 'firstname', 'lastname', 'phone', 'company', 'jobtitle', 'lifecyclestage'];

function toContact({ id, properties: p, createdAt, updatedAt }: HubSpotContact): z.infer<typeof Contact> {
    const text = (name: string) => p[name] || null;
    return {
        id,
        email: text('email'),
        first_name: text('firstname'),
        last_name: text('lastname'),
        phone: text('phone'),
        company: text('company'),
        job_title: text('jobtitle'),
        lifecycle_stage: text('lifecyclestage'),
        created_at: createdAt,
        updated_at: updatedAt
    };
}

export default createSync({
    description: 'Keeps all contacts, and marks those that are gone as deleted',
    frequency: 'every hour',
    autoStart: true,
    scopes: ['crm.objects.contacts.read'],
    checkpoint: z.object({ after: z.string() }),
    models: { Contact },

    exec: async (nango) => {
        // The start stays where it was when an interrupted run is resumed, so nothing that it saved counts as gone.
        await nango.trackDeletesStart('Contact');
        let after = (await nango.getCheckpoint())?.after;

        do {
            const { data } = await nango.get<{ results: HubSpotContact[]; paging?: { next?: { after: string } } }>({
                endpoint: '/crm/v3/objects/contacts',
                params: { limit: 100, properties: properties.join(','), ...(after ? { after } : {}) },
                retries: 5
            });
            await nango.batchSave(data.results.map(toContact), 'Contact');
            after = data.paging?.next?.after;
            if (after) {
                await nango.saveCheckpoint({ after });
            }
        } while (after);

        // In this order: a run that is interrupted between the two reads everything again, instead of taking its last page for all.
        await nango.clearCheckpoint();
        await nango.trackDeletesEnd('Contact');
    }
});
