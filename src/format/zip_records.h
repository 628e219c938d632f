// Numbers of the zip format that more than one part of its reader and writer knows
// (APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 and 4.4.5).
#pragma once

#include <cstddef>
#include <cstdint>

namespace deixis {

inline constexpr uint32_t kZipLocalSignature = 0x04034B50;
inline constexpr uint32_t kZipCentralSignature = 0x02014B50;
inline constexpr uint32_t kZipEndSignature = 0x06054B50;
inline constexpr size_t kZipLocalBytes = 30;  // without the name and the extra field
inline constexpr uint16_t kZipMethodStored = 0;
inline constexpr uint16_t kZipMethodDeflate = 8;

}  // namespace deixis
