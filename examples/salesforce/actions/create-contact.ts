import { createAction } from 'causeway';
import * as z from 'zod';

import { api, refused } from '../api.js';

const NewContact = z.object({
    last_name: z.string().min(1).max(80),
    first_name: z.string().max(40).optional(),
    email: z.email().optional(),
    phone: z.string().max(40).optional(),
    title: z.string().max(128).optional(),
    account_id: z.string().optional()
});

export default createAction({
    description: 'Creates a contact; what a duplicate rule or a required field stops is told with its code',
    scopes: ['api'],
    input: NewContact,
    output: z.object({ id: z.string() }),

    exec: async (nango, input) => {
        const { data: contact } = await nango.zodValidateInput({ zodSchema: NewContact, input });
        try {
            const { data: created } = await nango.post<{ id: string; success: boolean }>({
                // https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_sobject_create.htm
                endpoint: `${api}/sobjects/Contact`,
                data: {
                    LastName: contact.last_name,
                    FirstName: contact.first_name,
                    Email: contact.email,
                    Phone: contact.phone,
                    Title: contact.title,
                    AccountId: contact.account_id
                }
            });
            return { id: created.id };
        } catch (err) {
            throw refused(nango, err);
        }
    }
});
