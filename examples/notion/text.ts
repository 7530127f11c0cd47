/** A piece of text as Notion takes it. https://developers.notion.com/reference/rich-text */
export interface RichText {
    type: 'text';
    text: { content: string };
}

/** Notion refuses longer pieces. https://developers.notion.com/reference/request-limits#size-limits */
const longestPiece = 2000;

export function richText(text: string): RichText[] {
    const pieces: RichText[] = [];
    for (let at = 0; at < text.length; at += longestPiece) {
        pieces.push({ type: 'text', text: { content: text.slice(at, at + longestPiece) } });
    }
    return pieces;
}

/** One paragraph for each block of text between empty lines. */
export function paragraphs(text: string) {
    return text
        .split(/\n{2,}/)
        .filter((block) => block.trim() !== '')
        .map((block) => ({ object: 'block', type: 'paragraph', paragraph: { rich_text: richText(block) } }));
}
