import { createSync } from 'causeway';
import * as z from 'zod';

import { api } from '../api.js';

const Contact = z.object({
    id: z.string(),
    account_id: z.string().nullable(),
    first_name: z.string().nullable(),
    last_name: z.string(),
    email: z.string().nullable(),
    phone: z.string().nullable(),
    title: z.string().nullable(),
    owner_id: z.string(),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm */
interface SalesforceContact {
    Id: string;
    IsDeleted: boolean;
    AccountId: string | null;
    FirstName: string | null;
    LastName: string;
    Email: string | null;
    Phone: string | null;
    Title: string | null;
    OwnerId: string;
    CreatedDate: string;
    SystemModstamp: string;
}

const fields = 'Id, IsDeleted, AccountId, FirstName, LastName, Email, Phone, Title, OwnerId, CreatedDate, SystemModstamp';

/** Salesforce writes 2026-01-02T03:04:05.000+0000, which its own query language does not take. */
const iso = (moment: string) => moment.replace('+0000', 'Z');

function toContact(contact: SalesforceContact): z.infer<typeof Contact> {
    return {
        id: contact.Id,
        account_id: contact.AccountId,
        first_name: contact.FirstName,
        last_name: contact.LastName,
        email: contact.Email,
        phone: contact.Phone,
        title: contact.Title,
        owner_id: contact.OwnerId,
        created_at: iso(contact.CreatedDate),
        updated_at: iso(contact.SystemModstamp)
    };
}

export default createSync({
    description: 'Copies contacts, and deletes those that are in the recycle bin',
    frequency: 'every hour',
    autoStart: true,
    scopes: ['api', 'refresh_token'],
    checkpoint: z.object({ modified: z.string() }),
    models: { Contact },

    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        // SystemModstamp, not LastModifiedDate: it also moves when an automatic process changes or deletes a record.
        const where = checkpoint ? `SystemModstamp >= ${checkpoint.modified}` : 'IsDeleted = false';

        // queryAll shows deleted records too, for the 15 days that they stay in the recycle bin.
        const pages = nango.paginate<SalesforceContact>({
            endpoint: `${api}/queryAll`,
            params: { q: `SELECT ${fields} FROM Contact WHERE ${where} ORDER BY SystemModstamp ASC` },
            paginate: { type: 'link', link_path_in_response_body: 'nextRecordsUrl', response_path: 'records' },
            retries: 5
        });

        // The pages of a query are those of one moment, so that each is a place to go on from.
        for await (const page of pages) {
            await nango.batchSave(page.filter((contact) => !contact.IsDeleted).map(toContact), 'Contact');
            await nango.batchDelete(
                page.filter((contact) => contact.IsDeleted).map((contact) => ({ id: contact.Id })),
                'Contact'
            );
            const last = page.at(-1);
            if (last) {
                await nango.saveCheckpoint({ modified: iso(last.SystemModstamp) });
            }
        }
    }
});
