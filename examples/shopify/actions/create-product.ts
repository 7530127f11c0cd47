import { createAction } from 'causeway';
import * as z from 'zod';

import { accepted, graphql } from '../graphql.js';
import type { Refusals } from '../graphql.js';

const NewProduct = z.object({
    title: z.string().min(1).max(255),
    description_html: z.string().optional(),
    vendor: z.string().optional(),
    type: z.string().optional(),
    tags: z.array(z.string()).max(250).optional(),
    status: z.enum(['ACTIVE', 'ARCHIVED', 'DRAFT']).default('DRAFT')
});

interface Created {
    productCreate: Refusals & { product: { id: string; handle: string; status: string } | null };
}

export default createAction({
    description: 'Creates a product, as a draft unless something else is said',
    scopes: ['write_products'],
    input: NewProduct,
    output: z.object({ id: z.string().describe('as in gid://shopify/Product/1'), handle: z.string(), status: z.string() }),

    exec: async (nango, input) => {
        const { data: product } = await nango.zodValidateInput({ zodSchema: NewProduct, input });
        const { productCreate } = await graphql<Created>(
            nango,
            // https://shopify.dev/docs/api/admin-graphql/latest/mutations/productCreate
            'mutation ($product: ProductCreateInput!) { productCreate(product: $product) { product { id handle status } userErrors { field message } } }',
            {
                product: {
                    title: product.title,
                    descriptionHtml: product.description_html,
                    vendor: product.vendor,
                    productType: product.type,
                    tags: product.tags,
                    status: product.status
                }
            },
            0
        );
        const { product: created } = accepted(nango, productCreate);
        if (!created) {
            throw new nango.ActionError({ code: 'no_product', message: 'Shopify neither created nor refused the product' });
        }
        return created;
    }
});
