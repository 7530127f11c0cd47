import { expect, it } from 'vitest';

import customers from '../syncs/customers.js';
import { form } from '../api.js';

const customer = { id: 'cus_1', object: 'customer', email: 'a@example.com', name: null, phone: null, currency: null, balance: 0, delinquent: false, livemode: true, metadata: {}, created: 1764000000 };

it('saves and deletes as events say', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'webhook', Model: 'Customer' });
    await customers.onWebhook(nango, { type: 'customer.updated', data: { object: customer } });
    await customers.onWebhook(nango, { type: 'customer.deleted', data: { object: customer } });

    expect(nango.batchSave.mock.calls[0][0]).toMatchObject([{ id: 'cus_1', email: 'a@example.com', live: true }]);
    expect(nango.batchDelete).toHaveBeenCalledWith([{ id: 'cus_1' }], 'Customer');
});

it('writes nested fields as Stripe reads them', () => {
    expect(form({ email: 'a+b@example.com', amount: 5, left_out: undefined, metadata: { order: '1 & 2' } })).toBe(
        'email=a%2Bb%40example.com&amount=5&metadata%5Border%5D=1+%26+2'
    );
});
