import { createAction } from 'causeway';
import * as z from 'zod';

import { post } from '../api.js';

const NewCustomer = z.object({
    email: z.email(),
    name: z.string().max(256).optional(),
    description: z.string().max(350).optional(),
    metadata: z.record(z.string().max(40), z.string().max(500)).optional(),
    idempotency_key: z.string().max(255).optional()
});

export default createAction({
    description: 'Creates a customer',
    input: NewCustomer,
    output: z.object({ id: z.string(), created_at: z.string() }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: NewCustomer, input });
        const { idempotency_key: key, ...customer } = data;
        // https://docs.stripe.com/api/customers/create
        const created = await post<{ id: string; created: number }>(nango, '/v1/customers', customer, key);
        return { id: created.id, created_at: new Date(created.created * 1000).toISOString() };
    }
});
