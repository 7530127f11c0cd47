import { createSync } from 'causeway';
import * as z from 'zod';

import { version } from '../api.js';

const Customer = z.object({
    id: z.string(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    phone: z.string().nullable(),
    currency: z.string().nullable(),
    balance: z.number().describe('in the smallest unit of the currency; below zero: a credit'),
    delinquent: z.boolean(),
    live: z.boolean(),
    metadata: z.record(z.string(), z.string()),
    created_at: z.string()
});

/** https://docs.stripe.com/api/customers/object */
interface StripeCustomer {
    id: string;
    email: string | null;
    name: string | null;
    phone: string | null;
    currency: string | null;
    balance: number;
    delinquent: boolean | null;
    livemode: boolean;
    metadata: Record<string, string>;
    created: number;
}

function toCustomer(customer: StripeCustomer): z.infer<typeof Customer> {
    return {
        id: customer.id,
        email: customer.email,
        name: customer.name,
        phone: customer.phone,
        currency: customer.currency,
        balance: customer.balance,
        delinquent: customer.delinquent ?? false,
        live: customer.livemode,
        metadata: customer.metadata,
        created_at: new Date(customer.created * 1000).toISOString()
    };
}

export default createSync({
    description: 'Copies all customers once a day; in between, webhooks tell what changes',
    frequency: 'every day',
    autoStart: true,
    checkpoint: z.object({ last: z.string() }),
    models: { Customer },

    exec: async (nango) => {
        // A list can't be asked for what has changed, only for what was created: so all is read, and what isn't there any more is gone.
        await nango.trackDeletesStart('Customer');
        let last = (await nango.getCheckpoint())?.last;
        let more = true;
        while (more) {
            const { data } = await nango.get<{ data: StripeCustomer[]; has_more: boolean }>({
                // https://docs.stripe.com/api/pagination: the cursor is the id of the last one.
                endpoint: '/v1/customers',
                headers: version,
                params: { limit: 100, ...(last && { starting_after: last }) },
                retries: 5
            });
            await nango.batchSave(data.data.map(toCustomer), 'Customer');
            last = data.data.at(-1)?.id;
            more = data.has_more && last !== undefined;
            if (more && last) {
                await nango.saveCheckpoint({ last });
            }
        }
        // In this order: a run that is interrupted between the two reads everything again, instead of taking its last page for all.
        await nango.clearCheckpoint();
        await nango.trackDeletesEnd('Customer');
    },

    webhookSubscriptions: ['customer.created', 'customer.updated', 'customer.deleted'],
    // Events may come twice and out of order. https://docs.stripe.com/webhooks#best-practices
    onWebhook: async (nango, event: { type: string; data: { object: StripeCustomer } }) => {
        const customer = event.data.object;
        if (event.type === 'customer.deleted') {
            await nango.batchDelete([{ id: customer.id }], 'Customer');
        } else {
            await nango.batchSave([toCustomer(customer)], 'Customer');
        }
    }
});
