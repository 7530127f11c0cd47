import type { NangoAction } from 'causeway';

interface Answer<T> {
    data?: T | null;
    errors?: { message: string; extensions?: { code?: string; userPresentableMessage?: string } }[];
}

/**
 * Runs a query or a mutation. GraphQL's failures come with status 200 too, so its errors are looked at in any case.
 * https://linear.app/developers/graphql
 */
export async function graphql<T>(nango: NangoAction, query: string, variables: Record<string, unknown>, retries = 5): Promise<T> {
    const { data: answer } = await nango.post<Answer<T>>({ endpoint: '/graphql', data: { query, variables }, retries });
    const [error] = answer.errors ?? [];
    if (error || !answer.data) {
        throw new nango.ActionError({
            code: error?.extensions?.code?.toLowerCase() ?? 'no_data',
            message: error?.extensions?.userPresentableMessage ?? error?.message ?? 'Linear answered without data'
        });
    }
    return answer.data;
}
