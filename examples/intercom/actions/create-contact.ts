import { createAction } from 'causeway';
import type { ProxyError } from 'causeway';
import * as z from 'zod';

import { headers } from '../version.js';

const NewContact = z.object({
    role: z.enum(['user', 'lead']).default('user'),
    email: z.email().optional(),
    external_id: z.string().optional().describe('your own id of a user'),
    name: z.string().optional(),
    phone: z.string().optional().describe('with its country code'),
    custom_attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional()
});

/** https://developers.intercom.com/docs/references/rest-api/errors/error-objects */
interface Errors {
    errors?: { code: string; message: string }[];
}

export default createAction({
    description: 'Creates a user or a lead',
    input: NewContact,
    output: z.object({ id: z.string(), role: z.string() }),

    exec: async (nango, input) => {
        const { data: contact } = await nango.zodValidateInput({ zodSchema: NewContact, input });
        if (contact.role === 'user' && !contact.email && !contact.external_id) {
            throw new nango.ActionError({ code: 'missing_identity', message: 'A user needs "email" or "external_id"' });
        }
        try {
            const { data: created } = await nango.post<{ id: string; role: string }>({
                // https://developers.intercom.com/docs/references/2.11/rest-api/api.intercom.io/contacts/createcontact
                endpoint: '/contacts',
                headers,
                data: contact
            });
            return { id: created.id, role: created.role };
        } catch (err) {
            const { response } = err as ProxyError<Errors>;
            const conflict = response?.data.errors?.find((error) => error.code === 'conflict');
            if (!conflict) {
                throw err;
            }
            const id = /id=(\w+)/.exec(conflict.message)?.[1];
            throw new nango.ActionError({ code: 'contact_exists', message: conflict.message, id });
        }
    }
});
