import type { NangoAction, ProxyError } from 'causeway';

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ */
export const api = '/services/data/v62.0';

/** Salesforce explains what it refuses in a list, mostly of one. */
type Refusal = { errorCode: string; message: string; fields?: string[] }[];

/** What Salesforce refused, as an error with its own code. Anything else stays what it was. */
export function refused(nango: NangoAction, err: unknown): unknown {
    const [first] = (err as ProxyError<Refusal>).response?.data ?? [];
    return first?.errorCode
        ? new nango.ActionError({ code: first.errorCode.toLowerCase(), message: first.message, fields: first.fields ?? [] })
        : err;
}
