import { createAction } from 'causeway';
import * as z from 'zod';

import { paragraphs, richText } from '../text.js';

const NewPage = z.object({
    parent_page_id: z.string().min(1),
    title: z.string().min(1).max(2000),
    text: z.string().optional().describe('empty lines separate paragraphs; at most 100')
});

export default createAction({
    description: 'Creates a page below another one',
    input: NewPage,
    output: z.object({ id: z.string(), url: z.string() }),

    exec: async (nango, input) => {
        const { data: page } = await nango.zodValidateInput({ zodSchema: NewPage, input });
        const { data: created } = await nango.post<{ id: string; url: string }>({
            // https://developers.notion.com/reference/post-page
            endpoint: '/v1/pages',
            data: {
                parent: { page_id: page.parent_page_id },
                properties: { title: { title: richText(page.title) } },
                children: paragraphs(page.text ?? '')
            }
        });
        return { id: created.id, url: created.url };
    }
});
