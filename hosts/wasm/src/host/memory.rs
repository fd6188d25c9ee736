//! Memory: the C library's allocator and comparison of bytes, faster for what a request does dozens of times.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// Freed blocks of up to this many bytes are kept for the next request.
const LARGEST: usize = CLASSES * STEP - HEADER;
/// The sizes of kept blocks: those that the C library makes, so that nothing is wasted.
const CLASSES: usize = 32;
const STEP: usize = 16;
/// The bytes of each step that the C library itself uses.
const HEADER: usize = 4;
/// The most blocks of a size that are kept: 270 kB of all sizes together.
const MOST: u32 = 32;
/// The alignment of all blocks of the C library.
const ALIGN: usize = 8;

unsafe extern "C" {
    /// The size of a block, which is at least what was asked for.
    fn malloc_usable_size(block: *mut u8) -> usize;
}

/// The freed blocks of one size, each of which has the address of the next one at its start.
struct Freed {
    first: Cell<*mut u8>,
    count: Cell<u32>,
}

/// The C library's allocator, behind lists of small blocks that were freed. A request takes and frees about thirty: their
/// merging and splitting would cost more than anything else that it does.
struct Recycling([Freed; CLASSES]);

// SAFETY: the module has one thread.
unsafe impl Sync for Recycling {}

#[global_allocator]
static ALLOCATOR: Recycling =
    Recycling([const { Freed { first: Cell::new(null_mut()), count: Cell::new(0) } }; CLASSES]);

// Not inlined: each of the module's thousands of places passes no more than it would to the C library.
impl Recycling {
    #[inline(never)]
    fn take(&self, size: usize) -> *mut u8 {
        let class = size.saturating_add(HEADER - 1) / STEP;
        let Some(freed) = self.0.get(class) else {
            return unsafe { System.alloc(Layout::from_size_align_unchecked(size, ALIGN)) };
        };
        let first = freed.first.get();
        if first.is_null() {
            let whole = class * STEP + STEP - HEADER;
            return unsafe { System.alloc(Layout::from_size_align_unchecked(whole, ALIGN)) };
        }
        freed.first.set(unsafe { first.cast::<*mut u8>().read() });
        freed.count.set(freed.count.get() - 1);
        first
    }

    #[inline(never)]
    unsafe fn give_back(&self, block: *mut u8) {
        let size = unsafe { malloc_usable_size(block) };
        match self.0.get((size + HEADER) / STEP - 1) {
            Some(freed) if freed.count.get() < MOST => {
                unsafe { block.cast::<*mut u8>().write(freed.first.get()) };
                freed.first.set(block);
                freed.count.set(freed.count.get() + 1);
            }
            _ => unsafe { System.dealloc(block, Layout::from_size_align_unchecked(size, ALIGN)) },
        }
    }

    #[inline(never)]
    unsafe fn resize(&self, block: *mut u8, size: usize) -> *mut u8 {
        let before = unsafe { malloc_usable_size(block) };
        if before > LARGEST && size > LARGEST {
            return unsafe { System.realloc(block, Layout::from_size_align_unchecked(before, ALIGN), size) };
        }
        let to = self.take(size);
        if !to.is_null() {
            unsafe {
                block.copy_to_nonoverlapping(to, before.min(size));
                self.give_back(block);
            }
        }
        to
    }
}

// SAFETY: a block of a list has at least the size of its class, since the C library says so, and is taken by one caller at
// a time. All others are the C library's, as are those of an unusual alignment.
unsafe impl GlobalAlloc for Recycling {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGN { self.take(layout.size()) } else { unsafe { System.alloc(layout) } }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() <= ALIGN {
            unsafe { self.give_back(block) }
        } else {
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= ALIGN {
            unsafe { self.resize(block, size) }
        } else {
            unsafe { System.realloc(block, layout, size) }
        }
    }
}

/// The comparison of bytes for the whole module, standard library included, eight at a time. The C library's goes byte by
/// byte.
///
/// # Safety
/// As for C: both pointers are to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    const WORD: usize = size_of::<u64>();
    let word = |bytes: *const u8, at: usize| unsafe { bytes.add(at).cast::<u64>().read_unaligned() };
    if size < WORD {
        let half = |bytes: *const u8, at: usize| unsafe { bytes.add(at).cast::<u32>().read_unaligned() };
        if size >= WORD / 2 && half(one, 0) == half(other, 0) && half(one, size - 4) == half(other, size - 4) {
            return 0;
        }
        let differs = |at: &usize| unsafe { *one.add(*at) != *other.add(*at) };
        let Some(at) = (0..size).find(differs) else { return 0 };
        return unsafe { i32::from(*one.add(at)) - i32::from(*other.add(at)) };
    }
    let mut at = 0;
    loop {
        // SAFETY: `at` is at most `size - WORD`.
        let (one, other) = (word(one, at), word(other, at));
        if one != other {
            // The first byte that differs is the lowest.
            let shift = (one ^ other).trailing_zeros() & !7;
            return (one >> shift & 0xff) as i32 - (other >> shift & 0xff) as i32;
        }
        if at == size - WORD {
            return 0;
        }
        // The last word may overlap the one before.
        at = (at + WORD).min(size - WORD);
    }
}
