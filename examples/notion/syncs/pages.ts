import { createSync } from 'causeway';
import * as z from 'zod';

const Page = z.object({
    id: z.string(),
    title: z.string(),
    url: z.string(),
    parent_type: z.string(),
    parent_id: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developers.notion.com/reference/page */
interface NotionPage {
    id: string;
    url: string;
    parent: { type: string; page_id?: string; database_id?: string; block_id?: string };
    properties: Record<string, { type: string; title?: { plain_text: string }[] }>;
    created_time: string;
    last_edited_time: string;
}

function toPage(page: NotionPage): z.infer<typeof Page> {
    // The title is the one property of type title, whatever its name.
    const title = Object.values(page.properties).find((property) => property.type === 'title')?.title ?? [];
    return {
        id: page.id,
        title: title.map((piece) => piece.plain_text).join(''),
        url: page.url,
        parent_type: page.parent.type,
        parent_id: page.parent.page_id ?? page.parent.database_id ?? page.parent.block_id ?? null,
        created_at: page.created_time,
        updated_at: page.last_edited_time
    };
}

export default createSync({
    description: 'Copies the pages that the integration may see, those that were edited last first',
    frequency: 'every 15 minutes',
    autoStart: true,
    checkpoint: z.object({ edited: z.string() }),
    models: { Page },

    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        // The search has no filter by time, but it sorts by it: read until what is known already.
        const pages = nango.paginate<NotionPage>({
            // https://developers.notion.com/reference/post-search
            method: 'POST',
            endpoint: '/v1/search',
            data: {
                filter: { property: 'object', value: 'page' },
                sort: { timestamp: 'last_edited_time', direction: 'descending' }
            },
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'start_cursor',
                cursor_path_in_response: 'next_cursor',
                limit_name_in_request: 'page_size',
                limit: 100,
                response_path: 'results'
            },
            retries: 5
        });

        let newest: string | undefined;
        for await (const page of pages) {
            newest ??= page[0]?.last_edited_time;
            // Times are whole minutes: a page edited again within the minute of the checkpoint has the same time.
            const fresh = page.filter((item) => !checkpoint || item.last_edited_time >= checkpoint.edited);
            await nango.batchSave(fresh.map(toPage), 'Page');
            if (fresh.length < page.length) {
                break;
            }
        }
        if (newest) {
            await nango.saveCheckpoint({ edited: newest });
        }
    }
});
