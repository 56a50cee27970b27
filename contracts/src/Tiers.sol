// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice From a stake to its tier and the weight that its rewards are counted with.
library Tiers {
    uint256 internal constant BRONZE = 1_000e18;
    uint256 internal constant SILVER = 10_000e18;
    uint256 internal constant GOLD = 50_000e18;
    uint256 internal constant PLATINUM = 200_000e18;

    uint256 internal constant ONE_BPS = 10_000;

    /// @return 0 for none, 1 Bronze, 2 Silver, 3 Gold, 4 Platinum
    function tierOf(uint256 staked) internal pure returns (uint8) {
        if (staked < BRONZE) return 0;
        if (staked < SILVER) return 1;
        if (staked < GOLD) return 2;
        if (staked < PLATINUM) return 3;
        return 4;
    }

    /// @return basis points by which a stake counts; a stake below Bronze earns nothing
    function weightBpsOf(uint8 tier) internal pure returns (uint16) {
        if (tier == 0) return 0;
        if (tier == 1) return 10_000;
        if (tier == 2) return 11_500;
        if (tier == 3) return 13_000;
        return 15_000;
    }

    /// @return the smallest stake of a tier, in base units
    function thresholdOf(uint8 tier) internal pure returns (uint256) {
        if (tier == 0) return 0;
        if (tier == 1) return BRONZE;
        if (tier == 2) return SILVER;
        if (tier == 3) return GOLD;
        return PLATINUM;
    }

    /// @return the weight of a stake, rounded down
    function weightOf(uint256 staked, uint256 weightBps) internal pure returns (uint256) {
        return (staked * weightBps) / ONE_BPS;
    }
}
