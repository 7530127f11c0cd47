import { createSync } from 'causeway';
import * as z from 'zod';

import { graphql } from '../graphql.js';

const Product = z.object({
    id: z.string(),
    title: z.string(),
    handle: z.string(),
    status: z.enum(['ACTIVE', 'ARCHIVED', 'DRAFT', 'UNLISTED']),
    vendor: z.string(),
    type: z.string(),
    tags: z.array(z.string()),
    inventory: z.number(),
    variants: z.array(z.object({ id: z.string(), sku: z.string().nullable(), price: z.string() })),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://shopify.dev/docs/api/admin-graphql/latest/objects/Product */
interface ShopifyProduct {
    legacyResourceId: string;
    title: string;
    handle: string;
    status: 'ACTIVE' | 'ARCHIVED' | 'DRAFT' | 'UNLISTED';
    vendor: string;
    productType: string;
    tags: string[];
    totalInventory: number;
    variants: { nodes: { legacyResourceId: string; sku: string | null; price: string }[] };
    createdAt: string;
    updatedAt: string;
}

interface Products {
    products: { nodes: ShopifyProduct[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
}

const query = `query ($after: String, $filter: String) {
    products(first: 50, after: $after, query: $filter, sortKey: UPDATED_AT) {
        nodes {
            legacyResourceId title handle status vendor productType tags totalInventory createdAt updatedAt
            variants(first: 100) { nodes { legacyResourceId sku price } }
        }
        pageInfo { hasNextPage endCursor }
    }
}`;

function toProduct(product: ShopifyProduct): z.infer<typeof Product> {
    return {
        id: product.legacyResourceId,
        title: product.title,
        handle: product.handle,
        status: product.status,
        vendor: product.vendor,
        type: product.productType,
        tags: product.tags,
        inventory: product.totalInventory,
        variants: product.variants.nodes.map((variant) => ({ id: variant.legacyResourceId, sku: variant.sku, price: variant.price })),
        created_at: product.createdAt,
        updated_at: product.updatedAt
    };
}

export default createSync({
    description: 'Copies products that have changed; webhooks tell which ones were deleted',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['read_products'],
    checkpoint: z.object({ updated_at: z.string() }),
    models: { Product },

    exec: async (nango) => {
        const from = (await nango.getCheckpoint())?.updated_at;
        const filter = from ? `updated_at:>='${from}'` : null;
        let after: string | null = null;
        do {
            const { products }: Products = await graphql<Products>(nango, query, { after, filter });
            await nango.batchSave(products.nodes.map(toProduct), 'Product');
            // The oldest change comes first, and cursors hold on to places, not to numbers: each page is a place to go on from.
            const last = products.nodes.at(-1);
            if (last) {
                await nango.saveCheckpoint({ updated_at: last.updatedAt });
            }
            after = products.pageInfo.hasNextPage ? products.pageInfo.endCursor : null;
        } while (after);
    },

    // Shopify forgets deleted products at once: only the webhook tells. https://shopify.dev/docs/api/webhooks
    webhookSubscriptions: ['products/delete'],
    onWebhook: async (nango, payload: { id: number }) => {
        await nango.batchDelete([{ id: String(payload.id) }], 'Product');
    }
});
