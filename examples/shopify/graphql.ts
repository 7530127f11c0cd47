import type { NangoAction } from 'causeway';

/** https://shopify.dev/docs/api/usage/versioning */
const endpoint = '/admin/api/2025-07/graphql.json';

interface Answer<T> {
    data?: T | null;
    errors?: { message: string; extensions?: { code?: string } }[];
    extensions?: { cost?: { requestedQueryCost: number; throttleStatus: { currentlyAvailable: number; restoreRate: number } } };
}

const mostWaits = 10;

/**
 * Runs a query or a mutation. A shop has a budget that fills up again each second; a query beyond it is refused with status 200, undone, and is
 * asked again when there is enough. https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits
 */
export async function graphql<T>(nango: NangoAction, query: string, variables: Record<string, unknown>, retries = 3): Promise<T> {
    for (let waits = 0; ; waits++) {
        const { data: answer } = await nango.post<Answer<T>>({ endpoint, data: { query, variables }, retries });
        const [error] = answer.errors ?? [];
        if (!error && answer.data) {
            return answer.data;
        }
        if (error?.extensions?.code !== 'THROTTLED' || waits === mostWaits) {
            throw new nango.ActionError({
                code: error?.extensions?.code?.toLowerCase() ?? 'no_data',
                message: error?.message ?? 'Shopify answered without data'
            });
        }
        const cost = answer.extensions?.cost;
        const missing = cost ? cost.requestedQueryCost - cost.throttleStatus.currentlyAvailable : 0;
        const seconds = cost ? Math.max(missing / cost.throttleStatus.restoreRate, 0) : 1;
        await new Promise<void>((resolve) => {
            setTimeout(resolve, Math.ceil(seconds * 1000) + 100);
        });
    }
}

/** What a mutation refuses, it says in the data. https://shopify.dev/docs/api/admin-graphql/latest/objects/UserError */
export interface Refusals {
    userErrors: { field: string[] | null; message: string }[];
}

export function accepted<T extends Refusals>(nango: NangoAction, result: T): T {
    const [first] = result.userErrors;
    if (first) {
        throw new nango.ActionError({ code: 'refused', message: first.message, field: first.field?.join('.') ?? null });
    }
    return result;
}
