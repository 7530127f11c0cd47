import type { NangoAction } from 'causeway';
import * as z from 'zod';

/** Metadata of a connection. The project is given by you, the cloud id is found by the scripts. */
export const Metadata = z.object({
    project: z.string().regex(/^[A-Z][A-Z0-9_]+$/).describe('the key of the project, as in ENG'),
    cloud_id: z.string().optional()
});

interface Site {
    id: string;
    url: string;
    name: string;
}

/**
 * The path of the REST API of the connection's site. A token may reach several sites; the first one is ours.
 * https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#3--make-calls-to-the-api-using-the-access-token
 */
export async function restAPI(nango: NangoAction): Promise<string> {
    const metadata = await nango.getMetadata<{ cloud_id?: string } | null>();
    let id = metadata?.cloud_id;
    if (!id) {
        const { data: sites } = await nango.get<Site[]>({ endpoint: '/oauth/token/accessible-resources', retries: 3 });
        id = sites[0]?.id;
        if (!id) {
            throw new nango.ActionError({ code: 'no_site', message: 'The token reaches no Jira site' });
        }
        await nango.updateMetadata({ cloud_id: id });
    }
    return `/ex/jira/${id}/rest/api/3`;
}

/** Plain text as the document that Jira wants. https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ */
export function toDocument(text: string) {
    return {
        type: 'doc',
        version: 1,
        content: text
            .split(/\n{2,}/)
            .filter((block) => block !== '')
            .map((block) => ({ type: 'paragraph', content: [{ type: 'text', text: block }] }))
    };
}
