import { createAction } from 'causeway';
import * as z from 'zod';

import { paragraphs } from '../text.js';

const Addition = z.object({
    page_id: z.string().min(1),
    text: z.string().min(1).describe('empty lines separate paragraphs')
});

/** https://developers.notion.com/reference/patch-block-children takes no more at once. */
const mostBlocks = 100;

export default createAction({
    description: 'Adds paragraphs to the end of a page',
    input: Addition,
    output: z.object({ blocks: z.array(z.string()).describe('ids of the paragraphs') }),

    exec: async (nango, input) => {
        const { data: addition } = await nango.zodValidateInput({ zodSchema: Addition, input });
        const all = paragraphs(addition.text);
        const blocks: string[] = [];
        // One after the other: the order of the calls is the order on the page.
        for (let at = 0; at < all.length; at += mostBlocks) {
            const { data } = await nango.patch<{ results: { id: string }[] }>({
                endpoint: `/v1/blocks/${encodeURIComponent(addition.page_id)}/children`,
                data: { children: all.slice(at, at + mostBlocks) }
            });
            blocks.push(...data.results.map((block) => block.id));
        }
        return { blocks };
    }
});
