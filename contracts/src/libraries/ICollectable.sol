// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title What a contract that settles for providers needs of the channels.
interface ICollectable {
    function token() external view returns (IERC20);

    /// @notice Redeems packed vouchers of providers that gave the caller and `agent` a mandate; pays the caller.
    /// One that gave none, or withdrew it, is passed over.
    /// @param agent On whose behalf the caller acts; the caller answers for its identity.
    /// @param items For each provider its packed vouchers.
    /// @return amount What was paid to the caller, base units.
    function collect(address agent, address[] calldata providers, bytes[] calldata items)
        external
        returns (uint256 amount);
}
