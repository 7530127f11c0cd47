import { createSync } from 'causeway';
import * as z from 'zod';

const Task = z.object({
    id: z.string(),
    title: z.string(),
    done: z.boolean(),
    updated_at: z.string()
});

// Asking from a little before the checkpoint finds tasks that were changed in the same moment as the last one seen.
const MARGIN_MS = 5_000;

export default createSync({
    description: 'Copies the tasks of the demo API',
    version: '1.0.0',
    frequency: 'every 5 minutes',
    autoStart: true,
    syncType: 'incremental',
    models: { Task },
    checkpoint: z.object({ updated_at: z.string() }),

    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        const params: Record<string, string> = {};
        if (checkpoint) {
            params['updated_since'] = new Date(Date.parse(checkpoint.updated_at) - MARGIN_MS).toISOString();
        }

        const pages = nango.paginate<z.infer<typeof Task>>({
            endpoint: '/v1/tasks',
            params,
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'cursor',
                cursor_path_in_response: 'next_cursor',
                response_path: 'tasks',
                limit_name_in_request: 'limit',
                limit: 100
            },
            retries: 3
        });

        // The API lists tasks by updated_at, oldest first: what is saved after a page is where a run that was cut off goes on.
        let latest = checkpoint?.updated_at ?? '';
        for await (const page of pages) {
            await nango.batchSave(
                page.map(({ id, title, done, updated_at }) => ({ id, title, done, updated_at })),
                'Task'
            );
            for (const task of page) {
                if (task.updated_at > latest) {
                    latest = task.updated_at;
                }
            }
            await nango.saveCheckpoint({ updated_at: latest });
        }
    }
});
