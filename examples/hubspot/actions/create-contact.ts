import { createAction } from 'causeway';
import type { ProxyError } from 'causeway';
import * as z from 'zod';

const NewContact = z.object({
    email: z.email(),
    first_name: z.string().optional(),
    last_name: z.string().optional(),
    phone: z.string().optional(),
    company: z.string().optional(),
    job_title: z.string().optional()
});

export default createAction({
    description: 'Creates a contact; a second one with the same address is refused with the id of the first',
    scopes: ['crm.objects.contacts.write'],
    input: NewContact,
    output: z.object({ id: z.string(), created_at: z.string() }),

    exec: async (nango, input) => {
        const { data: contact } = await nango.zodValidateInput({ zodSchema: NewContact, input });
        try {
            const { data: created } = await nango.post<{ id: string; createdAt: string }>({
                // https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/post-crm-v3-objects-contacts
                endpoint: '/crm/v3/objects/contacts',
                data: {
                    properties: {
                        email: contact.email,
                        firstname: contact.first_name,
                        lastname: contact.last_name,
                        phone: contact.phone,
                        company: contact.company,
                        jobtitle: contact.job_title
                    }
                },
                // The address makes it safe to try again: a second attempt can't make a second contact.
                retries: 3
            });
            return { id: created.id, created_at: created.createdAt };
        } catch (err) {
            const { response } = err as ProxyError<{ message?: string }>;
            if (response?.status !== 409) {
                throw err;
            }
            const id = /Existing ID: (\d+)/.exec(response.data.message ?? '')?.[1];
            throw new nango.ActionError({ code: 'contact_exists', message: 'There is a contact with this address', id });
        }
    }
});
