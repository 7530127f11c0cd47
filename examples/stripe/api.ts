import type { NangoAction, ProxyError } from 'causeway';

/** The version that the scripts are written for, whatever the account's default. https://docs.stripe.com/api/versioning */
export const version = { 'Stripe-Version': '2024-06-20' };

type FormValue = string | number | boolean | undefined | Record<string, string | undefined>;

/** A body as Stripe takes it: a form, with nested fields as in metadata[order]. https://docs.stripe.com/api#intro */
export function form(fields: Record<string, FormValue>): string {
    const pairs: [string, string][] = [];
    for (const [name, value] of Object.entries(fields)) {
        if (typeof value === 'object') {
            for (const [inner, text] of Object.entries(value)) {
                if (text !== undefined) {
                    pairs.push([`${name}[${inner}]`, text]);
                }
            }
        } else if (value !== undefined) {
            pairs.push([name, String(value)]);
        }
    }
    return new URLSearchParams(pairs).toString();
}

/**
 * Posts a form. With a key the call can be tried again: within a day Stripe answers it from the first attempt.
 * https://docs.stripe.com/api/idempotent_requests
 */
export async function post<T>(nango: NangoAction, endpoint: string, fields: Record<string, FormValue>, key: string | undefined): Promise<T> {
    try {
        const { data } = await nango.post<T>({
            endpoint,
            headers: { ...version, 'Content-Type': 'application/x-www-form-urlencoded', ...(key && { 'Idempotency-Key': key }) },
            data: form(fields),
            retries: key ? 3 : 0
        });
        return data;
    } catch (err) {
        // https://docs.stripe.com/api/errors
        const { response } = err as ProxyError<{ error?: { type: string; code?: string; decline_code?: string; message: string; param?: string } }>;
        const error = response?.data.error;
        if (!error) {
            throw err;
        }
        throw new nango.ActionError({
            code: error.code ?? error.type,
            message: error.message,
            param: error.param,
            decline_code: error.decline_code
        });
    }
}
