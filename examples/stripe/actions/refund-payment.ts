import { createAction } from 'causeway';
import * as z from 'zod';

import { post } from '../api.js';

const Refund = z.object({
    payment_intent: z.string().startsWith('pi_'),
    amount: z.number().int().positive().optional().describe('in the smallest unit of the currency; all of it if left out'),
    reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
    idempotency_key: z.string().max(255).describe('money moves once for each key')
});

export default createAction({
    description: 'Refunds a payment, or a part of it',
    input: Refund,
    output: z.object({ id: z.string(), status: z.string(), amount: z.number(), currency: z.string() }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: Refund, input });
        const { idempotency_key: key, ...refund } = data;
        // https://docs.stripe.com/api/refunds/create
        const { id, status, amount, currency } = await post<{ id: string; status: string; amount: number; currency: string }>(
            nango,
            '/v1/refunds',
            refund,
            key
        );
        return { id, status, amount, currency };
    }
});
