import { expect, it, vi } from 'vitest';

import products from '../syncs/products.js';
import createProduct from '../actions/create-product.js';

const throttled = {
    data: {
        errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }],
        extensions: { cost: { requestedQueryCost: 152, throttleStatus: { currentlyAvailable: 52, restoreRate: 50 } } }
    }
};
const empty = { data: { data: { products: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } } } } };

it('waits until the budget is large enough', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'budget', Model: 'Product' });
    nango.post = vi.fn().mockResolvedValueOnce(throttled).mockResolvedValueOnce(empty);
    const before = Date.now();

    await products.exec(nango);

    expect(nango.post).toHaveBeenCalledTimes(2);
    expect(Date.now() - before).toBeGreaterThanOrEqual(2000); // 100 points at 50 a second
});

it('gives up at last', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'budget', Model: 'Product' });
    nango.post = vi.fn().mockResolvedValue(throttled);

    await expect(products.exec(nango)).rejects.toMatchObject({ payload: { code: 'throttled' } });
    expect(nango.post).toHaveBeenCalledTimes(11);
});

it('tells the caller what Shopify refuses', async () => {
    const nango = new global.vitest.NangoActionMock({ dirname: __dirname, name: 'budget', Model: '' });
    const productCreate = { product: null, userErrors: [{ field: ['product', 'title'], message: "Title can't be blank" }] };
    nango.post = vi.fn().mockResolvedValue({ data: { data: { productCreate } } });

    await expect(createProduct.exec(nango, { title: ' ', status: 'DRAFT' })).rejects.toMatchObject({
        payload: { code: 'refused', field: 'product.title', message: "Title can't be blank" }
    });
});

it('deletes what a webhook says is gone', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'budget', Model: 'Product' });
    await products.onWebhook(nango, { id: 8070123456789 });
    expect(nango.batchDelete).toHaveBeenCalledWith([{ id: '8070123456789' }], 'Product');
});
