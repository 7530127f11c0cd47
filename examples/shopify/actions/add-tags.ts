import { createAction } from 'causeway';
import * as z from 'zod';

import { accepted, graphql } from '../graphql.js';
import type { Refusals } from '../graphql.js';

const Tags = z.object({
    id: z.string().regex(/^gid:\/\/shopify\/(Product|Order|Customer|Article)\/\d+$/).describe('as in gid://shopify/Product/1'),
    tags: z.array(z.string().min(1)).min(1)
});

export default createAction({
    description: 'Adds tags to a product, an order, a customer or an article; those that it has stay',
    scopes: ['write_products', 'write_orders', 'write_customers', 'write_content'],
    input: Tags,
    output: z.object({ id: z.string() }),

    exec: async (nango, input) => {
        const { data: tags } = await nango.zodValidateInput({ zodSchema: Tags, input });
        const { tagsAdd } = await graphql<{ tagsAdd: Refusals & { node: { id: string } | null } }>(
            nango,
            // https://shopify.dev/docs/api/admin-graphql/latest/mutations/tagsAdd
            'mutation ($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { node { id } userErrors { field message } } }',
            { id: tags.id, tags: tags.tags }
        );
        accepted(nango, tagsAdd);
        return { id: tags.id };
    }
});
